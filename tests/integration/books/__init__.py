"""Books against bills: any order of what users, services and deaths do, judged by what the service charged."""
