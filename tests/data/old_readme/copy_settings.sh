cp config.env.example .env
