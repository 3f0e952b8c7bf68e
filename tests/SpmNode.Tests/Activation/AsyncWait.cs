namespace OvirtSpm.Node.Tests.Activation;

/// <summary>For things that happen on other threads soon and tell nobody: looks until they have.</summary>
internal static class AsyncWait
{
    public static async Task UntilAsync(Func<bool> happened)
    {
        for (var tries = 0; !happened(); tries++)
        {
            Assert.True(tries < 2000, "It did not happen within 10 s.");
            await Task.Delay(5);
        }
    }
}
