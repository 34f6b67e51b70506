export class RecentHistory {}
