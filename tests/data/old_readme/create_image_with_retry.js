async function createImageWithRetry(prompt, userId, maxRetries = 3) {
    for (let i = 0; i < maxRetries; i++) {
        try {
            const taskId = await createImageTask(prompt, userId);
            return await pollTaskResult(taskId);
        } catch (error) {
            if (i === maxRetries - 1) throw error;
            
            const delay = Math.pow(2, i) * 1000; // 指数退避
            await new Promise(resolve => setTimeout(resolve, delay));
        }
    }
}
