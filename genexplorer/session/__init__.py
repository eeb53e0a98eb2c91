"""What both faces share, free of Qt and Textual: the followed run, the time cursor, smoothing, wording, colors."""
