import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Stated when opening too: Node would take a shorter tag, which is easier to guess. */
const tagBytes = 16;

/**
 * Seals a secret with AES-256-GCM under a key that is kept outside the database.
 * @param key 32 bytes
 * @returns base64url of nonce (12 bytes), tag (16 bytes), ciphertext
 */
export function seal(key: Uint8Array, secret: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  const ciphertext = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]).toString("base64url");
}

/** Opens what `seal` closed. Throws when the key is another one or a byte was changed. */
export function unseal(key: Uint8Array, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: tagBytes });
  decipher.setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
}
