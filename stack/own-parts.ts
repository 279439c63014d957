/** An environment in which a local stack starts every part itself, whatever real services the caller's points at. */
export function withOwnParts(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, ANTHROPIC_API_KEY: "", ANTHROPIC_BASE_URL: "", DATABASE_URL: "", TEMPORAL_ADDRESS: "" };
}
