/** What a server answers to a call, as far as a run reads it. */
export interface CallAnswer {
  content?: readonly ContentBlock[] | undefined;
  structuredContent?: unknown;
  isError?: boolean | undefined;
}

interface ContentBlock {
  type: string;
  [key: string]: unknown;
}

/** Characters of a result that are taken. */
const longestResult = 256_000;

/**
 * A call's result as text for the model: the structured one as JSON where there is one, else the texts; pictures, sounds and
 * files by what they are. Too long a one is cut; where it has to fit a schema, which a part never does, it is an error.
 */
export function resultText(answer: CallAnswer, hasSchema: boolean): { text: string; error: boolean } {
  const error = answer.isError === true;
  const whole =
    answer.structuredContent === undefined
      ? (answer.content ?? []).map(blockText).join("\n")
      : JSON.stringify(answer.structuredContent);
  if (whole.length <= longestResult) return { text: whole, error };
  const note = `The call was carried out. Its result has ${whole.length} characters; these are the first ${longestResult}:\n`;
  return { text: note + whole.slice(0, longestResult), error: error || hasSchema };
}

function blockText(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return textOf(block["text"]);
    case "image":
    case "audio":
      return `[${block.type}: ${textOf(block["mimeType"])}, ${bytesOf(block["data"])} bytes, left out]`;
    case "resource_link":
      return `[resource: ${textOf(block["uri"])}${block["mimeType"] === undefined ? "" : `, ${textOf(block["mimeType"])}`}]`;
    case "resource":
      return resourceText(block["resource"]);
    default:
      return `[${block.type.slice(0, 50)}: left out]`;
  }
}

function resourceText(resource: unknown): string {
  const { uri, text, blob, mimeType } = (resource ?? {}) as Record<string, unknown>;
  return typeof text === "string"
    ? `[resource: ${textOf(uri)}]\n${text}`
    : `[resource: ${textOf(uri)}, ${textOf(mimeType)}, ${bytesOf(blob)} bytes, left out]`;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "unknown");

/** Of what stands in base64. */
const bytesOf = (data: unknown): number => (typeof data === "string" ? Math.floor((data.length * 3) / 4) : 0);
