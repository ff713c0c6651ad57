"""The C API of ``datetime``, by macros alone.

Cython's own ``cpython.datetime`` looks the types up by their names as well, and complains where a
test has put others there.
"""

from cpython.object cimport PyObject

cdef extern from *:
    """
    #include <datetime.h>

    static inline int pbf_import_datetime(void)
    {
        PyDateTime_IMPORT;
        return PyDateTimeAPI == NULL ? -1 : 0;
    }
    """
    int pbf_import_datetime() except -1

    bint PyDateTime_CheckExact(object value)
    bint PyDelta_CheckExact(object value)

    int PyDateTime_GET_YEAR(object value)
    int PyDateTime_GET_MONTH(object value)
    int PyDateTime_GET_DAY(object value)
    int PyDateTime_DATE_GET_HOUR(object value)
    int PyDateTime_DATE_GET_MINUTE(object value)
    int PyDateTime_DATE_GET_SECOND(object value)
    int PyDateTime_DATE_GET_MICROSECOND(object value)
    PyObject *PyDateTime_DATE_GET_TZINFO(object value)

    int PyDateTime_DELTA_GET_DAYS(object value)
    int PyDateTime_DELTA_GET_SECONDS(object value)
    int PyDateTime_DELTA_GET_MICROSECONDS(object value)
