import { describe, expect, test } from "vitest";
import { readConfig } from "../../config.ts";
import { readModelFallbacks } from "../../contracts/model-fallbacks.ts";

const environment = {
  POWERLOOM_MCP_CLIENT_SECRET: "0123456789abcdef",
  POWERLOOM_SEALING_KEY: Buffer.alloc(32).toString("base64url"),
  DATABASE_URL: "postgres://app@localhost/powerloom",
  ANTHROPIC_BASE_URL: "http://127.0.0.1:4010",
};

describe("fallback endpoints in the environment", () => {
  test("are none by default, and come in their order otherwise", () => {
    expect(readConfig(environment).modelFallbacks).toEqual([]);
    const given = {
      ...environment,
      POWERLOOM_MODEL_FALLBACKS: "litellm=https://gateway.example/anthropic/, local=http://127.0.0.1:8080",
      POWERLOOM_MODEL_FALLBACK_KEYS: "local=none,litellm=sk-a=b",
    };
    expect(readConfig(given).modelFallbacks).toEqual([
      { name: "litellm", baseUrl: "https://gateway.example/anthropic", apiKey: "sk-a=b" },
      { name: "local", baseUrl: "http://127.0.0.1:8080", apiKey: "none" },
    ]);
  });

  test.each<[string, string, string, RegExp]>([
    ["without a name", "https://a.example", "", /FALLBACKS: entry 1 must be <name>=<url>/],
    ["with a name that is none", "A B=https://a.example", "", /FALLBACKS: entry 1 must be <name>=<url>/],
    ["with another protocol", "a=ftp://a.example", "a=sk-1", /FALLBACKS: a must be an http or https URL/],
    ["that are no URL", "a=gateway", "a=sk-1", /FALLBACKS: a must be an http or https URL/],
    ["with a password in the URL", "a=https://me:sk-1@a.example", "a=k", /a must not have a name or password/],
    ["with a key in the query", "a=https://a.example?key=sk-1", "a=k", /a must be a URL without \? and #/],
    ["without a key", "a=https://a.example", "", /FALLBACK_KEYS: has no key for a/],
    ["that are there twice", "a=https://a.example,a=https://b.example", "a=sk-1", /FALLBACKS: a is there twice/],
    ["whose key is there twice", "a=https://a.example", "a=sk-1,a=sk-1", /FALLBACK_KEYS: a is there twice/],
    ["with a key for nobody", "a=https://a.example", "a=k,b=sk-1", /FALLBACK_KEYS: b is not among/],
    ["with a key without a name", "a=https://a.example", "a=k,sk-1", /FALLBACK_KEYS: entry 2 must be <name>=<key>/],
    [
      "that are too many",
      Array.from({ length: 9 }, (_, index) => `a${index}=https://a.example`).join(),
      Array.from({ length: 9 }, (_, index) => `a${index}=k`).join(),
      /FALLBACKS: at most 8/,
    ],
  ])("%s stop the start, and no key is repeated", (_, urls, keys, fault) => {
    const { faults } = readModelFallbacks(urls, keys);
    expect(faults.join("\n")).toMatch(fault);
    expect(faults.join("\n")).not.toContain("sk-1");
    expect(() =>
      readConfig({ ...environment, POWERLOOM_MODEL_FALLBACKS: urls, POWERLOOM_MODEL_FALLBACK_KEYS: keys }),
    ).toThrow(fault);
  });

  test("do not go with headers that the SDK would send to all of them", () => {
    const given = {
      ...environment,
      POWERLOOM_MODEL_FALLBACKS: "a=https://a.example",
      POWERLOOM_MODEL_FALLBACK_KEYS: "a=k",
      ANTHROPIC_CUSTOM_HEADERS: "x-secret: sk-1",
    };
    expect(() => readConfig(given)).toThrow(/ANTHROPIC_CUSTOM_HEADERS: must not be set/);
    expect(readConfig({ ...environment, ANTHROPIC_CUSTOM_HEADERS: "x: y" }).modelFallbacks).toEqual([]);
  });
});
