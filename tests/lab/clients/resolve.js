// Resolves names by Node's dns.resolve, which is c-ares: the same words as resolve.c.
"use strict";
const { Resolver } = require("node:dns").promises;

const resolver = new Resolver();
const asked = {
  addresses: async (name) => {
    const both = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = both.flatMap((one) => one.value ?? []);
    const failed = both.find((one) => one.reason);
    if (found.length === 0 && failed) throw failed.reason;
    return found;
  },
  ipv4: (name) => resolver.resolve4(name),
  ipv6: (name) => resolver.resolve6(name),
  name: (address) => resolver.reverse(address),
};
const words = { ENOTFOUND: "no such name", ENODATA: "no data" };

async function resolve(what, subject) {
  try {
    return (await asked[what](subject)).join(" ") || "no data";
  } catch (error) {
    return words[error.code] ?? `failure: ${error.code}`;
  }
}

async function main() {
  const [, , ...rest] = process.argv;
  while (rest.length > 1) console.log(await resolve(rest.shift(), rest.shift()));
}

main();
