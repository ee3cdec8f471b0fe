export function EndpointsPage() { return null; }
export function EndpointPage() { return null; }
