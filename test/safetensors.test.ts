import { adapterBytes, extractAdapter, laurelize, openAdapter, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";

/** A .safetensors file with this header, written as the format's description says. */
function file(header: object | string, data = new Uint8Array()): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}

const f32 = (from: number, to: number, shape: number[] = [(to - from) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [from, to],
});

const refused: [string, Uint8Array, RegExp][] = [
  ["nothing", new Uint8Array(), /0 bytes/],
  ["half a length", new Uint8Array(5), /5 bytes/],
  [
    "a header of 2^62 bytes",
    Buffer.from("000000000000004000", "hex"),
    /not the length of a header/,
  ],
  ["a header longer than the file", file("{}").subarray(0, 9), /truncated/],
  ["text that is not JSON", file("hello"), /not a JSON object/],
  ["a JSON list", file("[]"), /not a JSON object/],
  ["bytes that are not UTF-8", file("{}").fill(0xff, 8), /not a JSON object/],
  ["metadata that is not text", file({ __metadata__: { a: 1 } }), /not an object of strings/],
  ["a tensor that is not an object", file({ a: 3 }), /not have a dtype, shape and data_offsets/],
  ["a negative size", file({ a: f32(0, 4, [-1]) }, new Uint8Array(4)), /not have a dtype, shape/],
  ["half an element", file({ a: f32(0, 4, [0.5]) }, new Uint8Array(4)), /not have a dtype, shape/],
  [
    "a type unheard of",
    file({ a: { ...f32(0, 4), dtype: "F31" } }),
    /is F31; supported types are F32/,
  ],
  ["a shape of other bytes", file({ a: f32(0, 4, [2]) }, new Uint8Array(4)), /needs 8 bytes, but/],
  ["a shape past all numbers", file({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }), /needs .* bytes, but/],
  [
    "tensors that overlap",
    file({ a: f32(0, 8), b: f32(4, 12) }, new Uint8Array(12)),
    /tensor b begins .* inside the previous one/,
  ],
  ["a gap", file({ a: f32(0, 4), b: f32(8, 12) }, new Uint8Array(12)), /after a gap/],
  [
    "a tensor twice",
    file(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      new Uint8Array(8),
    ),
    /gap/,
  ],
  ["bytes behind the last tensor", file({ a: f32(0, 4) }, new Uint8Array(8)), /tensors end at/],
  ["fewer bytes than announced", file({ a: f32(0, 4) }, new Uint8Array(2)), /tensors end at/],
  ["another tool's weights", file({ a: f32(0, 4) }, new Uint8Array(4)), /which model it is for/],
];

describe(".safetensors", () => {
  it.each(refused)("refuses %s in a sentence", async (_, bytes, reason) => {
    const opening = openAdapter(bytes);
    await expect(opening).rejects.toMatchObject({ name: "InputError" });
    await expect(opening).rejects.toThrow(reason);
  });

  it("is written as the format says: aligned, without gaps, the same bytes each time", async () => {
    const { model } = await laurelize(await openModel(fixture("pre-norm-mlp")), { ort, rank: 3 });
    const adapter = await extractAdapter(model);
    const bytes = adapterBytes(adapter);
    expect(adapterBytes({ ...adapter, tensors: [...adapter.tensors].reverse() })).toEqual(bytes);
    const length = Number(Buffer.from(bytes).readBigUInt64LE());
    expect((8 + length) % 8).toBe(0);
    const header = JSON.parse(Buffer.from(bytes).toString("utf8", 8, 8 + length));
    const { __metadata__: metadata, ...tensors } = header;
    expect(JSON.parse(metadata.laurelize)).toMatchObject({
      variant: "rw+lr",
      options: { rank: 3 },
    });
    expect(JSON.parse(metadata.laurelize)).not.toHaveProperty("undo");
    expect(Object.keys(tensors)).toEqual(Object.keys(tensors).sort());
    for (const { name, dims, data } of adapter.tensors) {
      const [from, to] = tensors[name].data_offsets;
      expect(tensors[name]).toMatchObject({ dtype: "F32", shape: dims });
      expect([...bytes.subarray(8 + length + from, 8 + length + to)]).toEqual([...data]);
    }
    expect((await openAdapter(bytes)).tensors).toEqual(
      [...adapter.tensors].sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
  });

  it("is refused if the metadata promises what is not there, or cannot be believed", async () => {
    const { model } = await laurelize(await openModel(fixture("pre-norm-mlp")), { ort });
    const { laurelizations } = await extractAdapter(model);
    const claim = (manifest: object | string) => {
      const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
      return openAdapter(file({ __metadata__: { laurelize: text } }));
    };
    await expect(claim(laurelizations[0])).rejects.toThrow(/does not have the tensor .*laurel/);
    for (const hostile of ["{", "{}", "null", "[]", '{"variant":1,"options":{},"sites":[]}'])
      await expect(claim(hostile)).rejects.toThrow(/does not say which model it is for/);
    for (const change of [{ options: 3 }, { sites: [{}] }, { sites: 7 }, { finding: { also: 5 } }])
      await expect(claim({ ...laurelizations[0], ...change })).rejects.toThrow(
        /does not say which model it is for/,
      );
  });
});
