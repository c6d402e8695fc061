"""Names for the tensor shapes that cross functions in `models/`.

Said once for the whole room: images are NCHW float32 in [-1, 1]; masks are class indices with 255 = ignore;
z is a latent of the input normal distribution, w a vector of the mapped space; W+ codes (`ws`) hold one w per layer.
A generator renders images from codes, whose shape depends on its family (W+ for StyleGAN2).
Names in the shapes are checked in every test run: equal names in one signature must have equal sizes.
"""

from jaxtyping import Float, Int, Integer, UInt8
from torch import Tensor

Images = Float[Tensor, "batch 3 height width"]
FeatureMaps = Float[Tensor, "batch channels height width"]
# Feature maps with other channels and sizes than the `FeatureMaps` of the same signature.
OtherMaps = Float[Tensor, "batch other_channels other_height other_width"]
# One map per feature tap, [batch, channels, height, width], each with different sizes; lowest resolution first.
Taps = list[Tensor]
Latents = Float[Tensor, "batch z_dim"]
StyleVectors = Float[Tensor, "batch w_dim"]
# One vector that is added to the style vectors of all samples.
Shift = Float[Tensor, " w_dim"]
StyleCodes = Float[Tensor, "batch num_ws w_dim"]
# One code per image; every family has its own further dimensions.
Codes = Float[Tensor, "batch ..."]
# Class indices of a class-conditional generator, one per image.
Classes = Int[Tensor, " batch"]
Masks = Integer[Tensor, "batch height width"]
ByteImages = UInt8[Tensor, "batch height width 3"]
ByteMasks = UInt8[Tensor, "batch label_height label_width"]
PixelScores = Float[Tensor, "batch label_height label_width"]
Scores = Float[Tensor, " batch"]
# x and y in pixels of the label, the centre of the first pixel at (0.5, 0.5), and a third number that the field names.
Keypoints = Float[Tensor, "batch points 3"]

IGNORE_INDEX = 255
