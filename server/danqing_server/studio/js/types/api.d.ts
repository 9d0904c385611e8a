export interface TaskShape { id: string }
