"""Stage compress: classifiers as ONNX files, in float32 or quantised, and what each quantised layer costs."""
