namespace OvirtSpm.Node.Pool.Images;

/// <summary>Port: the pool that a volume leaves, as its SPM of now sees it.</summary>
interface IMoveSource
{
    Guid Domain { get; }

    /// <summary>Lets a volume and all below it go, once it is whole elsewhere.</summary>
    /// <param name="copy">While it runs nobody activates or changes any of it. What it throws is thrown, and everything stays.</param>
    /// <returns>True: the removal is committed. False: its SPM, under its fence, has no such volume, and nothing was copied.</returns>
    /// <exception cref="Refusal">It is not let go; thrown after <paramref name="copy"/> returned: whether it is gone is not known.</exception>
    Task<bool> DepartAsync(string reference, Func<ILeavingChain, Task> copy);
}

/// <summary>What leaves.</summary>
interface ILeavingChain
{
    /// <summary>Of its domain.</summary>
    long ExtentBytes { get; }

    /// <summary>Leaf first.</summary>
    IReadOnlyList<MovedVolume> Volumes { get; }

    /// <param name="offsetBytes">From the start of the volume; whole sectors.</param>
    Task ReadAsync(Guid volume, long offsetBytes, Memory<byte> into);
}
