"""A stand-in for a Terraform provider: the real one's schema, and no cloud behind it.

It speaks the plugin protocol, version 6. Terraform itself holds a configuration against the schema,
and its mocks stand for what a cloud would answer. Run as `provider.py SCHEMA` by Terraform, with
the package `tf` for the protocol's messages.
"""

import base64
import json
import sys
import tempfile
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as protocol
from tf.runner import _self_signed_cert

NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
Block = dict[str, Any]


def attribute(name: str, known: dict[str, Any]) -> Any:
    flags = {flag: known[flag] for flag in ("optional", "required", "computed")}
    nested = known.get("nested")
    if nested is None:
        kind = json.dumps(known["type"]).encode()
        return messages.Schema.Attribute(name=name, type=kind, **flags)
    inner = [attribute(*pair) for pair in nested["block"]["attributes"].items()]
    whole = messages.Schema.Object(nesting=NESTING[nested["nesting"]], attributes=inner)
    return messages.Schema.Attribute(name=name, nested_type=whole, **flags)


def block(known: Block) -> Any:
    inner = [
        messages.Schema.NestedBlock(
            type_name=name,
            block=block(one["block"]),
            nesting=NESTING[one["nesting"]],
            min_items=one["min"],
            max_items=one["max"],
        )
        for name, one in known["blocks"].items()
    ]
    attributes = [attribute(*pair) for pair in known["attributes"].items()]
    return messages.Schema.Block(version=0, attributes=attributes, block_types=inner)


def schema(known: Block) -> Any:
    return messages.Schema(version=0, block=block(known))


class Provider(protocol.ProviderServicer):  # type: ignore[misc]  # grpc has no types
    """What Terraform asks to hold a configuration against a schema."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known

    def GetMetadata(self, request: Any, context: Any) -> Any:
        kinds = messages.GetMetadata
        return kinds.Response(
            resources=[kinds.ResourceMetadata(type_name=one) for one in self.known["resources"]],
            data_sources=[kinds.DataSourceMetadata(type_name=one) for one in self.known["data"]],
        )

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        return messages.GetProviderSchema.Response(
            provider=schema(self.known["provider"]),
            resource_schemas={name: schema(one) for name, one in self.known["resources"].items()},
            data_source_schemas={name: schema(one) for name, one in self.known["data"].items()},
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return messages.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        return messages.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        return messages.ValidateDataResourceConfig.Response()

    def GetFunctions(self, request: Any, context: Any) -> Any:
        return messages.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:
        return messages.StopProvider.Response()


def main() -> None:
    ended: list[bool] = []

    class Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):  # type: ignore[misc]  # grpc has no types
        def Shutdown(self, request: Any, context: Any) -> Any:
            ended.append(True)
            return grpc_controller_pb2.Empty()

    class Output(grpc_stdio_pb2_grpc.GRPCStdioServicer):  # type: ignore[misc]  # grpc has no types
        def StreamStdio(self, request: Any, context: Any) -> Any:
            return iter([])

    known = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    most = [("grpc.max_send_message_length", 1 << 28), ("grpc.max_receive_message_length", 1 << 28)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=most)
    protocol.add_ProviderServicer_to_server(Provider(known), server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(Controller(), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(Output(), server)
    with tempfile.TemporaryDirectory() as folder:
        chain, credentials = _self_signed_cert()
        server.add_secure_port(f"unix://{folder}/socket", credentials)
        server.start()
        certificate = base64.b64encode(chain).decode().rstrip("=")
        print(f"1|6|unix|{folder}/socket|grpc|{certificate}", flush=True)
        while server.wait_for_termination(0.05):
            if ended:
                return


main()
