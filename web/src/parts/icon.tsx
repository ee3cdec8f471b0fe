const paths = {
  board:
    'M3 17c4-2.500 10-2.500 14 0M4 13c3.500-2 8.500-2 12 0M10 11V5m0 2.500C10 5 8.500 3.500 6 3.500 6 6 7.500 7.500 10 7.500ZM10 6c0-2 1.400-3.200 3.800-3.200C13.800 5 12.400 6 10 6Z',
  start:
    'M10 17v-6m0 0c0-3-2-5-5.500-5 0 3.200 2 5 5.500 5Zm0-1.500c0-3 1.800-5.500 5.500-5.500 0 3.500-2 5.500-5.500 5.500ZM5 17h10',
  develop:
    'M8 3v5L3.800 15a1.500 1.500 0 0 0 1.300 2.200h9.800a1.500 1.500 0 0 0 1.300-2.200L12 8V3M6.500 3h7M6 12.500h8',
  deploy:
    'M10 13V3m0 0L6 7m4-4 4 4M3 12v3.500A1.500 1.500 0 0 0 4.500 17h11a1.500 1.500 0 0 0 1.500-1.500V12',
  monitor: 'M2.500 10.500h3.500l2-6 4 11 2-5h3.500',
  maintain: 'M4 10a6 6 0 0 1 10.500-4M16 10A6 6 0 0 1 5.500 14M14.500 2.500V6H11M5.500 17.500V14H9',
  team: 'M7.500 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 17c0-3 2.500-5 5.500-5s5.500 2 5.500 5M13 3.400a3 3 0 0 1 0 5.200M15 12.500c1.800.700 3 2.300 3 4.500',
  search: 'M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.500 13.500 17 17',
  copy: 'M7 7V4.500A1.500 1.500 0 0 1 8.500 3h7A1.500 1.500 0 0 1 17 4.500v7a1.500 1.500 0 0 1-1.500 1.500H13M4.500 7h7A1.500 1.500 0 0 1 13 8.500v7a1.500 1.500 0 0 1-1.500 1.500h-7A1.500 1.500 0 0 1 3 15.500v-7A1.500 1.500 0 0 1 4.500 7Z',
  check: 'm4 10.500 4 4 8-9',
  cross: 'm5 5 10 10M15 5 5 15',
  dash: 'M5 10h10',
  attention: 'M10 3 2.500 16.500h15L10 3Zm0 5v4m0 2.200v.300',
  sun: 'M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM10 1.500v2m0 13v2m8.500-8.500h-2m-13 0h-2M16 4l-1.400 1.400M5.400 14.600 4 16m12 0-1.400-1.400M5.400 5.400 4 4',
  moon: 'M16.500 12A7 7 0 0 1 8 3.500 7 7 0 1 0 16.500 12Z',
  menu: 'M3 6h14M3 10h14M3 14h14',
  arrow: 'M4 10h12m0 0-5-5m5 5-5 5',
  up: 'M10 16V4m0 0L5 9m5-5 5 5',
  down: 'M10 4v12m0 0 5-5m-5 5-5-5',
  person: 'M10 9.500a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400ZM4 17c0-3 2.700-5 6-5s6 2 6 5',
  columns: 'M3.500 4h13v12h-13ZM8 4v12m4-12v12',
  rollback: 'M7 4 3 8l4 4M3 8h9a5 5 0 0 1 0 10H9',
  keyboard: 'M2 5.500h16v9H2ZM5 8.500h.010M8 8.500h.010M11 8.500h.010M14.500 8.500h.010M6.500 11.800h7',
} as const;
export type IconName = keyof typeof paths;

/** A glyph beside words; the words carry the meaning, so it is hidden from screen readers. */
export const Icon = ({
  name,
  size = 16,
  className = '',
}: {
  name: IconName;
  size?: number;
  className?: string;
}) => (
  <svg
    viewBox="0 0 20 20"
    width={size}
    height={size}
    fill="none"
    stroke="currentColor"
    strokeWidth="1.5"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    className={`shrink-0 ${className}`}
  >
    <path d={paths[name]} />
  </svg>
);
