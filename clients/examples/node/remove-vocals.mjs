// Takes the singer out of what comes in: raw 16-bit stereo at 44.1 kHz, interleaved, from stdin to stdout.
//   ffmpeg -i song.mp3 -f s16le -ar 44100 -ac 2 - | node remove-vocals.mjs | ffplay -f s16le -ar 44100 -ch_layout stereo -
// Another stem: node remove-vocals.mjs vocals. Another daemon: $STEMD_ADDRESS.
import { once } from "node:events";
import { Stemd } from "./stemd.mjs";

const FRAME = 4;

async function feed(client, name) {
  const stream = await client.open(name, { rate: 44100, format: "s16le", timing: "free", block: 4410 });
  let rest = Buffer.alloc(0);
  for await (const bytes of process.stdin) {
    const all = Buffer.concat([rest, bytes]);
    const whole = all.length - (all.length % FRAME);
    await stream.write(all.subarray(0, whole));
    rest = all.subarray(whole);
  }
  return stream.close();
}

async function hear(blocks) {
  for await (const [, pcm] of blocks) if (!process.stdout.write(pcm)) await once(process.stdout, "drain");
}

async function main([stem = "instrumental"]) {
  const client = await Stemd.connect();
  const name = `node-${process.pid}`;
  // Subscribed before the stream is there, so that not one frame is missed.
  const blocks = await client.subscribe(name, stem, { format: "s16le", delivery: "lossless" });
  try {
    // What fails first is the cause: of a stream that was refused no block ever comes.
    const [{ cut }] = await Promise.all([feed(client, name), hear(blocks)]);
    if (cut) throw new Error("the daemon stopped; the end is missing");
  } finally {
    await client.close();
  }
}

process.stdout.on("error", () => process.exit(141)); // whoever read has gone
main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
