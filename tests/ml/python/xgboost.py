"""The names of XGBoost's Python package that predict.py uses, over the C library: Debian's
package of it pulls in another Boost than the build takes."""

import ctypes

import numpy

_LIBRARY = ctypes.CDLL("libxgboost.so.0")
_LIBRARY.XGBGetLastError.restype = ctypes.c_char_p


def _check(code):
    if code != 0:
        raise RuntimeError(_LIBRARY.XGBGetLastError().decode())


class DMatrix:
    def __init__(self, rows):
        rows = numpy.ascontiguousarray(rows, dtype=numpy.float32)
        self.handle = ctypes.c_void_p()
        _check(
            _LIBRARY.XGDMatrixCreateFromMat(
                rows.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_uint64(rows.shape[0]),
                ctypes.c_uint64(rows.shape[1]),
                ctypes.c_float(numpy.nan),
                ctypes.byref(self.handle),
            )
        )


class Booster:
    def __init__(self):
        self.handle = ctypes.c_void_p()
        _check(_LIBRARY.XGBoosterCreate(None, ctypes.c_uint64(0), ctypes.byref(self.handle)))

    def load_model(self, path):
        _check(_LIBRARY.XGBoosterLoadModel(self.handle, path.encode()))

    def attr(self, name):
        text, found = ctypes.c_char_p(), ctypes.c_int()
        _check(
            _LIBRARY.XGBoosterGetAttr(
                self.handle, name.encode(), ctypes.byref(text), ctypes.byref(found)
            )
        )
        return text.value.decode() if found.value else None

    def predict(self, matrix):
        sides, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        values = ctypes.POINTER(ctypes.c_float)()
        config = b'{"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false}'
        _check(
            _LIBRARY.XGBoosterPredictFromDMatrix(
                self.handle,
                matrix.handle,
                config,
                ctypes.byref(sides),
                ctypes.byref(dimensions),
                ctypes.byref(values),
            )
        )
        shape = [sides[i] for i in range(dimensions.value)]
        count = int(numpy.prod(shape))
        return numpy.ctypeslib.as_array(values, (count,)).reshape(shape).copy()
