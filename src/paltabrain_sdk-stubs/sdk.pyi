from paltabrain_fast.sdk import *
