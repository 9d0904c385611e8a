"""Google Gemini: pictures by generateContent."""
