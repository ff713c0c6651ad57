from paltabrain_fast.constant import *
