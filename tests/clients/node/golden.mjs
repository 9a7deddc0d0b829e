// Replays a folder of golden bytes: what is in each .hex is read, what is in each .json is written, one line each.
import assert from "node:assert";
import { readFileSync, readdirSync } from "node:fs";
import { pack, unpack } from "./wire.mjs";

const folder = process.argv[2];
// JSON has read a time as a number already, which holds the ones of these files exactly.
const time = (_, value) => (Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value);

function parts(text) {
  const found = [];
  for (const line of text.split("\n").map((line) => line.split("#")[0].trim())) {
    if (["kind", "header", "pcm"].includes(line)) found.push("");
    else if (line) found[found.length - 1] += line.replaceAll(" ", "");
  }
  return found.map((hex) => Buffer.from(hex, "hex"));
}

for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const { kind, message, pcm } = JSON.parse(readFileSync(`${folder}/${file}`, "utf8"), time);
  const read = unpack(parts(readFileSync(`${folder}/${file.replace("json", "hex")}`, "utf8")));
  assert.deepStrictEqual(read, [kind, message, Buffer.from(pcm, "hex")], file);
  const written = pack(kind, message, Buffer.from(pcm, "hex")).map((part) => Buffer.from(part).toString("hex"));
  console.log(JSON.stringify([file.replace(".json", ""), written]));
}
