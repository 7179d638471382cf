"""What people and machines see: status line, reports."""
