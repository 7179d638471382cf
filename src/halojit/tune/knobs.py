"""The knobs, as search knows them; the table is the model's, because builds need it too."""

from halojit.model.knob import Knob
from halojit.model.knobs import FP, KNOBS, native_options

__all__ = ["FP", "KNOBS", "Knob", "native_options"]
