//! Small pictures: a screenshot with a palette instead of true color.

use std::{collections::HashMap, io::Cursor};

/// Returns the PNG with at most 256 colors. Pages have few colors, and the shades at the edges of letters.
///
/// # Panics
///
/// When the bytes are not a PNG with 8 bits per channel.
pub fn small(bytes: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let samples = info.color_type.samples();
    let colors: Vec<[u8; 3]> = pixels.chunks_exact(samples).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let (palette, indexes) = indexed(&colors);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, info.width, info.height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&indexes).unwrap();
    out
}

/// A palette of the most frequent colors, and the index of the nearest color for each pixel.
fn indexed(colors: &[[u8; 3]]) -> (Vec<u8>, Vec<u8>) {
    let mut counts = HashMap::new();
    for color in colors {
        *counts.entry(*color).or_insert(0) += 1;
    }
    let mut frequent: Vec<([u8; 3], usize)> = counts.into_iter().collect();
    frequent.sort_by_key(|(color, count)| (std::cmp::Reverse(*count), *color));
    let palette: Vec<[u8; 3]> = frequent.iter().take(256).map(|(color, _)| *color).collect();
    let distance = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    let nearest =
        |color: [u8; 3]| (0..=255_u8).zip(&palette).min_by_key(|(_, known)| distance(color, **known)).unwrap().0;
    let indexes: HashMap<[u8; 3], u8> = frequent.iter().map(|(color, _)| (*color, nearest(*color))).collect();
    (palette.concat(), colors.iter().map(|color| indexes[color]).collect())
}
