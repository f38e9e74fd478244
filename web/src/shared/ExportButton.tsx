import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { useExport } from './useExport';

interface ExportButtonProps {
  exporting: ReturnType<typeof useExport>;
  disabled: boolean;
  /** A phone has room for its sign alone. */
  brief?: boolean;
}

/** Begins an export, and stops it; as wide whatever it says, so that nothing moves. */
export function ExportButton({ exporting: { count, start, stop }, disabled, brief }: ExportButtonProps) {
  const running = count !== undefined;
  return (
    <Button
      variant="default"
      className="export"
      data-brief={(brief && !running) || undefined}
      leftSection={<IconDownload size={18} aria-hidden />}
      disabled={disabled}
      onClick={running ? stop : start}
      aria-label={running ? 'Stop the export' : 'Export as CSV'}
    >
      {running ? `Stop · ${count.toLocaleString()}` : 'Export as CSV'}
    </Button>
  );
}
