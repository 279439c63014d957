/** Why a tool did not do what it was asked. The message is for the model: what was wrong and what would be valid. */
export type ToolFaultCode =
  | "invalid_arguments"
  | "outside_workspace"
  | "not_allowed"
  | "not_found"
  | "wrong_kind"
  | "too_large"
  | "not_text"
  | "sandbox_unavailable"
  | "io";

export interface ToolFault {
  status: "refused";
  code: ToolFaultCode;
  message: string;
}

export type ToolOutcome<Output> = { status: "done"; output: Output } | ToolFault;

export const refused = (code: ToolFaultCode, message: string): ToolFault => ({ status: "refused", code, message });
