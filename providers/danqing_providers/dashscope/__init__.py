"""DashScope (Alibaba Cloud Model Studio, 阿里云百炼): Qwen-Image and Wan pictures, Wan videos."""
