curl -X GET http://localhost:8080/api/v1/ai/image/result/volcengine_img_1703123456789
