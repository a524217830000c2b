// Runs many commands of the inspector's mcpdo in one process: a line of JSON with the words of one
// comes in, a line with what it said and how it failed goes out. To start Node for each is slow.

import { createInterface } from "node:readline";

const { runMcp } = await import(process.argv[2]);
const write = process.stdout.write.bind(process.stdout);

for await (const line of createInterface({ input: process.stdin })) {
  let said = "";
  let error = null;
  process.stdout.write = (text, ...rest) => {
    said += text;
    rest.findLast((one) => typeof one === "function")?.();
    return true;
  };
  try {
    await runMcp(["node", "mcpdo", ...JSON.parse(line)]);
  } catch (trouble) {
    error = String(trouble);
  } finally {
    process.stdout.write = write;
  }
  write(`${JSON.stringify({ said, error })}\n`);
}
