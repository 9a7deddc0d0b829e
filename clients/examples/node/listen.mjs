// Hears a stem of a stream, open or yet to come, until it ends: raw 16-bit samples to stdout, news to stderr.
//   node listen.mjs live vocals | ffplay -f s16le -ar 48000 -ch_layout stereo -
// Another daemon: $STEMD_ADDRESS.
import { once } from "node:events";
import { Stemd } from "./stemd.mjs";

async function main([stream, stem]) {
  if (!stem) throw new Error("which? node listen.mjs STREAM STEM");
  const client = await Stemd.connect();
  let heard = 0;
  for await (const [header, pcm] of await client.subscribe(stream, stem, { format: "s16le" })) {
    if (header.flags.includes("start")) {
      const latency = ((1000 * header.latency) / header.rate).toFixed(0);
      console.error(`${header.rate} Hz, ${header.channels} channels, latency ${latency} ms`);
    }
    heard += header.frames;
    if (!process.stdout.write(pcm)) await once(process.stdout, "drain");
    if (header.flags.includes("end")) console.error(`${heard} frames heard, ${header.dropped} blocks dropped`);
    if (header.flags.includes("cut")) throw new Error("the stream was cut off; its end is missing");
  }
  await client.close();
}

process.stdout.on("error", () => process.exit(141)); // whoever read has gone
main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
