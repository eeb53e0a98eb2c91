"""Whom genexplorer is measured against: plain loops, other libraries, the machine's own peak; and itself."""
