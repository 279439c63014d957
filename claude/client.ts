import Anthropic from "@anthropic-ai/sdk";
import { fetchTellingUnsent } from "./message-faults.ts";

/**
 * The provider's client. The SDK's own retries are off: it would repeat creates, which have no idempotency key (design §8).
 */
export function createClaude(options: { baseUrl: string | undefined; apiKey: string }): Anthropic {
  return new Anthropic({
    apiKey: options.apiKey,
    ...(options.baseUrl === undefined ? {} : { baseURL: options.baseUrl }),
    maxRetries: 0,
    timeout: 20_000,
  });
}

/** A client for one endpoint of the Messages API, the provider's or another that speaks it. */
export function createModelClient(options: { baseUrl: string | undefined; apiKey: string }): Anthropic {
  return createClaude(options).withOptions({ fetch: fetchTellingUnsent });
}
