/** Default model of the meta-agent: the current Opus. */
export const defaultMetaModel = "claude-opus-5-5";

/** Default model of an agent somebody creates without naming one: the current Sonnet. */
export const defaultAgentModel = "claude-sonnet-5-5";
