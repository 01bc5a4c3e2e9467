"""Networks as transforms: an ONNX file of the owner's, by its path, run by OpenCV's DNN.

    ONNX file + descriptor ──network──> outputs ──layouts──> boxes ──boxes──> detections      model, faces, blur-people
                                          └──> another picture: enhance        └──> which pixels are what: segment

No network is part of the package. `descriptor` says what a file cannot say of itself; `detectors` makes a detector of
all that, and says what to install where there is none.
"""
