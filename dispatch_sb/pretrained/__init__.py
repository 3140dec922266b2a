"""What a source can be: recorded, ONNX and third-party teachers.

Authors
 * The dispatch-sb contributors, 2026
"""
