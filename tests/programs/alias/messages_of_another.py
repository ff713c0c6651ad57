"""Messages of our names are in protobuf's default pool already, as the original registers them."""

from google.protobuf import descriptor_pb2, descriptor_pool

other = descriptor_pb2.FileDescriptorProto(
    name="sdk.proto", package="paltabrain.event_schema.sdk", syntax="proto3"
)
other.message_type.add(name="Batch")
descriptor_pool.Default().AddSerializedFile(other.SerializeToString())

from paltabrain_fast.sdk_pb2 import Batch

assert Batch(context=b"x").SerializeToString() == b"\x12\x01x"
