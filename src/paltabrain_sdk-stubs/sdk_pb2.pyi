from paltabrain_fast.sdk_pb2 import *
