"use strict";
// Reads documents with the official AsyncAPI parser; prints what it finds, one line of JSON for each.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

function found({ document, diagnostics }) {
  if (document === undefined) return { accepted: false, diagnostics };
  return {
    accepted: true,
    diagnostics,
    version: document.version(),
    operations: document.operations().all().map((each) => [each.id(), each.action()]),
    channels: document.channels().all().map((each) => [each.id(), each.address()]),
    examples: document.allMessages().all().filter((each) => !each.examples().isEmpty()).length,
  };
}

async function main(files) {
  const parser = new Parser();
  for (const file of files) {
    const result = await parser.parse(readFileSync(file, "utf-8"));
    process.stdout.write(JSON.stringify(found(result)) + "\n");
  }
}

main(process.argv.slice(2));
