"""The door for clients of Volcengine Ark: pictures and videos by its own words."""
