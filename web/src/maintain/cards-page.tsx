export function CardsPage() { return null; }
export function CardPage() { return null; }
