import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./data-table.module.css";

export interface Column<Row> {
  title: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand on the right. */
  align?: "right";
  width?: string | number;
}

/** A table that becomes a list of cards where there is no room for columns. */
export function DataTable<Row>({
  label,
  columns,
  rows,
  rowKey,
}: {
  /** What the table shows, for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
}) {
  return (
    <div className={classes["frame"]}>
      {/* Roles are said, because cards on narrow screens take them from table elements. */}
      <Table role="table" aria-label={label} verticalSpacing="xs" highlightOnHover className={classes["table"] ?? ""}>
        <Table.Thead role="rowgroup">
          <Table.Tr role="row">
            {columns.map(({ title, align, width }) => (
              <Table.Th key={title} role="columnheader" ta={align ?? "left"} w={width}>
                {title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody role="rowgroup">
          {rows.map((row) => (
            <Table.Tr key={rowKey(row)} role="row">
              {columns.map(({ title, cell, align }) => (
                <Table.Td
                  key={title}
                  role="cell"
                  data-label={title}
                  ta={align ?? "left"}
                  style={align === undefined ? {} : { whiteSpace: "nowrap" }}
                >
                  {cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
