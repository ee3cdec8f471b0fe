export function Alerts(_props: { model: string }) { return null; }
