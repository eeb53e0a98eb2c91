"""Keys and clicks. PyQt's own types declare QTest's static methods as if they were not static, hence this seam."""

from typing import Any

from PyQt6 import QtTest

QTest: Any = QtTest.QTest
