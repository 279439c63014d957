export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** One request with a token, to one of the API processes, whatever comes of it. */
export async function send(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: Record<string, unknown>,
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
}
