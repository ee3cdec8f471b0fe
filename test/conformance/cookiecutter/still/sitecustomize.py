"""Stops the clock and the dice of a Python, so that two renderings can be compared."""

import datetime as module
import os
import random

_moment = 1_772_408_105  # 2026-03-01T23:35:05Z
_real = module.datetime


class _Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, _real)

    def __subclasscheck__(cls, other):
        return issubclass(other, _real)


class datetime(_real, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return _real.fromtimestamp(_moment, tz)

    @classmethod
    def utcnow(cls):
        return _real.fromtimestamp(_moment, module.timezone.utc).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


class date(module.date, metaclass=type("Kind", (type,), {"__instancecheck__": lambda cls, value: isinstance(value, _date)})):
    @classmethod
    def today(cls):
        return datetime.now().date()


_date = module.date
module.datetime = datetime
module.date = date
os.urandom = random._urandom = lambda size: bytes(size)
random.seed(0)
random.choice = lambda items: items[0]
