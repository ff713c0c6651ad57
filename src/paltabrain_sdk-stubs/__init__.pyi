from paltabrain_fast import BaseContext as BaseContext
from paltabrain_fast import BaseEnum as BaseEnum
from paltabrain_fast import BaseEvent as BaseEvent
from paltabrain_fast import BaseSentinel as BaseSentinel
from paltabrain_fast import PaltabrainSdk as PaltabrainSdk
from paltabrain_fast import __version__ as __version__
from paltabrain_fast import set_proto as set_proto
