from paltabrain_fast.base import *
