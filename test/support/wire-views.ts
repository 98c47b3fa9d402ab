import type { Model } from "laurelize";
import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

type File = Model["file"];
type Graph = File["graph"];
type Tensor = Graph["initializers"][number];
type Plain = Record<string, unknown>;

/** What laurelize decoded of a model, in onnx-proto's words. */
export function ours(file: Model["file"]): Plain {
  const { reader, message } = file;
  const hex = (range: Parameters<typeof reader.bytes>[0] | null) =>
    range && Buffer.from(reader.bytes(range)).toString("hex");
  const tensor = (it: Tensor): Plain => ({
    name: it.name,
    dataType: it.dataType,
    dims: it.dims,
    rawData: hex(it.raw),
    externalData: it.externalData.map(({ key, value }) => ({ key, value })),
    dataLocation: it.dataLocation,
  });
  const info = ({ name, type }: Graph["inputs"][number]): Plain => ({
    name,
    elemType: type?.tensor?.elemType ?? null,
    shape: type?.tensor?.shape?.dims.map(({ value, param }) => ({ value, param })) ?? null,
  });
  const graph = (it: Graph): Plain => ({
    name: it.name,
    input: it.inputs.map(info),
    output: it.outputs.map(info),
    valueInfo: it.valueInfos.map(info),
    initializer: it.initializers.map(tensor),
    node: it.nodes.map((node) => ({
      name: node.name,
      opType: node.opType,
      domain: node.domain,
      input: node.inputs,
      output: node.outputs,
      attribute: node.attributes.map(({ name, f, i, s, t, g, floats, ints }) => ({
        name,
        f,
        i,
        s: hex(s),
        t: t && tensor(t),
        g: g && graph(g),
        floats,
        ints,
      })),
    })),
  });
  return {
    irVersion: message.irVersion,
    producerName: message.producer,
    opsetImport: message.opsets.map(({ domain, version }) => ({ domain, version })),
    metadataProps: message.metadata.map(({ key, value }) => ({ key, value: hex(value) })),
    graph: graph(file.graph),
  };
}

/** What onnx-proto decodes of a model. */
export function theirs(bytes: Uint8Array): Plain {
  const options = { longs: Number, bytes: String };
  const model = onnx.ModelProto.toObject(onnx.ModelProto.decode(bytes), options);
  const hex = (base64: string | undefined) =>
    base64 === undefined ? null : Buffer.from(base64, "base64").toString("hex");
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs types no plain object
  type Loose = any;
  const tensor = (it: Loose): Plain => ({
    name: it.name ?? "",
    dataType: it.dataType ?? 0,
    dims: it.dims ?? [],
    rawData: hex(it.rawData),
    externalData: it.externalData ?? [],
    dataLocation: it.dataLocation ?? 0,
  });
  const info = ({ name, type }: Loose): Plain => ({
    name,
    elemType: type?.tensorType?.elemType ?? null,
    shape: type?.tensorType?.shape
      ? (type.tensorType.shape.dim ?? []).map((dim: Loose) => ({
          value: dim.dimValue ?? null,
          param: dim.dimParam ?? "",
        }))
      : null,
  });
  const graph = (it: Loose): Plain => ({
    name: it.name ?? "",
    input: (it.input ?? []).map(info),
    output: (it.output ?? []).map(info),
    valueInfo: (it.valueInfo ?? []).map(info),
    initializer: (it.initializer ?? []).map(tensor),
    node: (it.node ?? []).map((node: Loose) => ({
      name: node.name ?? "",
      opType: node.opType,
      domain: node.domain ?? "",
      input: node.input ?? [],
      output: node.output ?? [],
      attribute: (node.attribute ?? []).map(({ name, f, i, s, t, g, floats, ints }: Loose) => ({
        name,
        f: f ?? null,
        i: i ?? null,
        s: hex(s),
        t: t ? tensor(t) : null,
        g: g ? graph(g) : null,
        floats: floats ?? [],
        ints: ints ?? [],
      })),
    })),
  });
  return {
    irVersion: model.irVersion,
    producerName: model.producerName ?? "",
    opsetImport: model.opsetImport.map(({ domain, version }: Loose) => ({
      domain: domain ?? "",
      version,
    })),
    metadataProps: (model.metadataProps ?? []).map(({ key, value }: Loose) => ({
      key,
      value: Buffer.from(value ?? "").toString("hex"),
    })),
    graph: graph(model.graph),
  };
}
