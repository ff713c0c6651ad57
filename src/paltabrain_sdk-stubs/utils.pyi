from paltabrain_fast.utils import *
