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

const [what, subject] = process.argv.slice(2);
asked[what](subject).then(
  (found) => console.log(found.join(" ") || "no data"),
  (error) => console.log(words[error.code] ?? `failure: ${error.code}`),
);
