"""The one way in which a store fails."""


class StoreError(RuntimeError):
    """The store cannot do it; says which store, what happened, and what to do. Nothing was
    changed, and Halo can go on without memory."""
